"""Tests of the DAG in contrib/airflow with a real Airflow, which `make test-fleet` installs into an environment of its own."""
