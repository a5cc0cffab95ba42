"""Registers winddown's pages, API and deadline reference with Airflow. Implements nothing."""

from airflow.plugins_manager import AirflowPlugin

from winddown.orchestration.deadline_alert import NextLegalDeadline
from winddown.web.app import create_app


class WinddownPlugin(AirflowPlugin):
    """One web app, one link to it, and the deadline that runs of the main DAG are held to."""

    name = "winddown"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/winddown", "name": "winddown"}]  # noqa: RUF012 - Airflow's form
    deadline_references = [NextLegalDeadline]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {"name": "winddown 注销", "href": "winddown/", "destination": "nav", "url_route": "winddown"}
    ]
