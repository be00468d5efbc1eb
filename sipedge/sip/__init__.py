"""The language of SIP: messages, headers, URIs, SDP, digest and transactions, without any I/O."""
