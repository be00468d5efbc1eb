"""The business: who the customers are, what their lines may do, and the file that carries it all.

Services are async and talk to storage through the Protocols of `repositories`; nothing here knows
sockets or SQL.
"""
