"""What becomes of personal data before it leaves the process: hashed or dropped, and without people who are forgotten."""
