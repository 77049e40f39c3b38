"""What the person can do with their own profile: see it, steer it, take it along."""
