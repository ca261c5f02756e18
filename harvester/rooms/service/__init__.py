"""The HTTP service of the rooms: a REST API for displays and programs, and pages to look at."""
