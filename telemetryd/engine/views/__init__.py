"""What the user is shown. Nothing is changed."""
