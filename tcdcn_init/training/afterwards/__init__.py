"""What is fitted to a finished network: the correction around each point, and heads of stopped tasks."""
