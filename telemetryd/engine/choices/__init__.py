"""What the user chooses: it is carried out or foreseen, and kept in memory while the files cannot be used."""
