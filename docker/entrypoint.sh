#!/bin/sh
# Gives one process its database role and its connections, then becomes the command.
set -eu

# Each service mounts its own role's password under this one name, so no service can log in as another one.
if [ -n "${WINDDOWN_CONTROL_ROLE:-}" ]; then
    WINDDOWN_CONTROL_URL="$(secret-url "postgresql+psycopg://${WINDDOWN_CONTROL_ROLE}:{}@postgres:5432/winddown" control_password)"
    export WINDDOWN_CONTROL_URL
fi

# Tasks ask Airflow for connections; the command line reads them from a file of its own.
if [ -f /run/secrets/connections.json ]; then
    WINDDOWN_CONNECTIONS="${AIRFLOW_HOME}/connections.json"
    export WINDDOWN_CONNECTIONS
    connections-file /run/secrets/connections.json "${WINDDOWN_CONNECTIONS}"
fi

# Airflow locks the file of passwords and adds missing ones, and a mounted secret cannot be written.
if [ -f /run/secrets/people ]; then
    install -m 0600 /run/secrets/people "${AIRFLOW_HOME}/people.json"
fi

exec "$@"
