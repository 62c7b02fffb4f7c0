"""Several photos: whose they are, which camera took them, which of them are used."""
