"""A simulated network, clock, phones and carriers, for tests, `sipedge demo` and simulations."""
