"""The simulated exchange: venues, crowd and recordings without I/O, and the servers that speak for them."""
