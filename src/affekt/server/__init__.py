"""The HTTP service: pictures in, rows out, and the live page, whose frames never come here."""
