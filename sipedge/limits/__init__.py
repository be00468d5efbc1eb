"""Admission: who may have one more call, who is throttled, and which calls nobody may refuse."""
