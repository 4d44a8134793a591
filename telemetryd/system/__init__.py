"""The local machine: installed files and their directories, system facts, and the identity of the running package."""
