#!/bin/sh
# Creates the random secrets of a deployment in ./secrets and leaves those alone that exist.
#
# The folder is closed to everybody but its owner; the files in it are readable, because the containers' users differ
# from the host's and each container sees only the files that are mounted into it.
#
# Three files are not random and are written by hand, see docs/deployment.md: people.json, connections-ordinary.json,
# connections-purge.json.
set -eu

folder="${1:-secrets}"
umask 077
mkdir -p "$folder"
chmod 0700 "$folder"
# The folder keeps itself out of the repository that it lies in.
echo "*" >"$folder/.gitignore"

for name in postgres_password airflow_database_password control_owner_password control_api_password \
    control_worker_password redis_password jwt_secret log_secret; do
    [ -s "$folder/$name" ] || openssl rand -hex 32 >"$folder/$name"
done
# Fernet wants 32 bytes in URL-safe base64.
[ -s "$folder/fernet_key" ] || openssl rand -base64 32 | tr '+/' '-_' >"$folder/fernet_key"
# Not secret, but nobody else may write it: with a key in it one signs approvals.
[ -e "$folder/approver_keys" ] ||
    echo "# Verifier keys of approvers who sign, one a line, each named as the login." >"$folder/approver_keys"
chmod 0444 "$folder"/*
