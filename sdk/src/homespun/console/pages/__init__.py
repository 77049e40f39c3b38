"""The pages: each a function from a View to markup."""
