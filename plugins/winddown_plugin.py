"""Registers winddown's pages and API inside the Airflow UI. Implements nothing."""

from airflow.plugins_manager import AirflowPlugin

from winddown.web.app import create_app


class WinddownPlugin(AirflowPlugin):
    """One web app and one link to it."""

    name = "winddown"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/winddown", "name": "winddown"}]  # noqa: RUF012 - Airflow's form
    external_views = [  # noqa: RUF012
        {"name": "winddown 注销", "href": "winddown/", "destination": "nav", "url_route": "winddown"}
    ]
