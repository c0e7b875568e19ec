"""Other people's formats: drives stored as pictures and actions, read and written."""
