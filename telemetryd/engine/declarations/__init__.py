"""What files and applications declare, and which declarations are in force."""
