"""When a report is sent, what its outcome means, and how the daemon and the uploader speak."""
