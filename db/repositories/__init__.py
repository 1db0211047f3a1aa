"""One module per noun: functions `(connection, …) -> row`, their SQL in constants beside them."""
