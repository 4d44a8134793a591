"""What the window and its pages are made of: dialogs, pictures, lists, banners."""
