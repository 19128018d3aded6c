"""What partners reach: `/hooks/<partner>/<endpoint>`."""
