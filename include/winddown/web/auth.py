"""Who is asking: the user that Airflow's auth manager authenticated, by token or by session cookie."""

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import HTTPException, Request


def current_person(user: GetUserDep) -> str:
    """The id of the authenticated user; Airflow answers 401 before this is reached without one."""
    return str(user.get_id())


def require_same_origin(request: Request) -> None:
    """Refuse a change that another site's page sends with the user's cookie.

    A request with a bearer token of its own cannot come from such a page. A browser always says where a change
    comes from; one that does not say is no browser's, and then it must bring a token. What Sec-Fetch-Site says counts
    before Origin, because no page can forge it; browsers leave it out only on plain HTTP to another machine.
    """
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    site = request.headers.get("sec-fetch-site")
    if site == "same-origin":
        return
    origin = request.headers.get("origin", "")
    if site is None and origin and origin.partition("://")[2] == request.headers.get("host", ""):
        return
    raise HTTPException(status_code=403, detail="a change must come from winddown's own page or carry a token")
