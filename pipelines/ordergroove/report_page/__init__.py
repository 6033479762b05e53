"""`report`: one HTML page of the SQL layer, with everything in it that it needs to be looked at."""
