"""The pages of the window and the one for a first login, with the cards of questions on them."""
