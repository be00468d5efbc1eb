"""sipedge: a SIP telephony edge that sells, counts and enforces simultaneous calls."""
