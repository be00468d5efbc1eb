"""What outlives the process: accounts, registrations, records and the key that seals secrets."""
