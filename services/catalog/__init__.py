"""The catalog: artists, venues, songs, shows and what was played at them."""
