"""The store: PostgreSQL migrations with their policies, login roles, pools, and repositories. All SQL lives here."""
