"""What programs ask of the edge over HTTP: metrics and health on TCP, control on a local socket."""
