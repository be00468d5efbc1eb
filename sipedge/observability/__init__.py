"""What the edge shows of itself: plain counters, rendered when somebody looks, and log lines."""
