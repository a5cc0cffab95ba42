"""Turns Airflow's connections into the product's. The only place that knows both; stores never see a connection id."""

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from winddown.connections import ConnectionParameters


class AirflowConnections:
    """Looks connections up in Airflow, so in its secrets backends first.

    A database connection is a URI; an object store's is of type ``aws`` with the keys as login and password and
    ``endpoint_url`` and ``region_name`` in its extras.
    """

    def find(self, name: str) -> ConnectionParameters | None:
        """Return the connection, or None when Airflow knows none of this name."""
        try:
            found = Connection.get(name)
        except AirflowNotFoundException:
            return None
        if found.conn_type == "aws":
            extra = found.extra_dejson
            return ConnectionParameters(
                endpoint_url=str(extra.get("endpoint_url", "")),
                access_key=found.login or "",
                secret_key=found.password or "",
                region=str(extra.get("region_name", "")),
            )
        return ConnectionParameters(url=found.get_uri())
