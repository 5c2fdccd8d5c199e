"""What every slice stands on. Knows nothing of banking beyond money, days and who is asking."""
