"""The service `scheduler`: jobs run when they should, once, and can be seen and stopped."""
