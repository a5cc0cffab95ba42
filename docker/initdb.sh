#!/bin/sh
# First start of the database server: two databases that know nothing of each other, and four roles.
#
#   airflow          owns database airflow: metadata of Airflow
#   winddown_owner   owns database winddown: only the one-shot migration logs in as it
#   winddown_api     the API server, the only one that may write approvals and custodians' receipts
#   winddown_worker  every task; the first migration grants both what they may do
#
# The roles must exist before the first migration, because it grants only to roles that it finds. The server's own
# image runs this file once, on an empty data folder; passwords come from mounted files and never enter a command line.
set -eu

secrets="${SECRETS_DIR:-/run/secrets}"

administer() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres "$@"
}

create_role() {
    PASSWORD_FILE="$secrets/$2" administer --set role="$1" <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"role" LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
SQL
}

create_database() {
    administer --set database="$1" --set owner="$2" <<'SQL'
CREATE DATABASE :"database" OWNER :"owner" TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
}

create_role airflow airflow_database_password
create_role winddown_owner control_owner_password
create_role winddown_api control_api_password
create_role winddown_worker control_worker_password

create_database airflow airflow
create_database winddown winddown_owner
administer --command 'GRANT CONNECT ON DATABASE winddown TO winddown_api, winddown_worker'
