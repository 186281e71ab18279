#!/bin/sh
# Run once, by the database's image, on an empty volume: the login that the server uses. It owns its
# database and may make the four roles of the first migration; it is no superuser and cannot pass
# row-level security (docs/adr/0010-row-level-security.md).
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set=password="$(cat /run/secrets/database_password)" <<'SQL'
create role hearthline login createrole nosuperuser nobypassrls password :'password';
alter database hearthline owner to hearthline;
alter schema public owner to hearthline;
SQL
