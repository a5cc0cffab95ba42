"""How the demonstration's Airflow opens its SQLite file: ``sql_alchemy_connect_args`` names this by its path."""

# Seconds that a process waits while another one writes; the driver's five are too few on a machine with much to do.
CONNECT = {"timeout": 60}
