#!/bin/sh
# Gives one process its database role, then becomes the command. Use it for commands of your own too:
#   docker compose exec worker-ordinary entrypoint python …
set -eu

# Each service mounts its own role's password under this one name, so no service can log in as another one.
if [ -n "${WINDDOWN_CONTROL_ROLE:-}" ]; then
    WINDDOWN_CONTROL_URL="$(secret-url "postgresql+psycopg://${WINDDOWN_CONTROL_ROLE}:{}@postgres:5432/winddown" control_password)"
    export WINDDOWN_CONTROL_URL
fi

# Airflow locks the file of passwords and adds missing ones, and a mounted secret cannot be written.
if [ -f /run/secrets/people ]; then
    install -m 0600 /run/secrets/people "${AIRFLOW_HOME}/people.json"
fi

exec "$@"
