"""From pictures to rows: find the inputs, find their faces, classify them, write the table. No torch here."""
