"""Runs a DAG of a file once in this process, with `dag.test()`, and prints how it and its tasks ended as JSON.

    python run_dag.py FILE DAG_ID CONF

Airflow's own Python runs it; it imports nothing of the project.
"""

import json
import runpy
import sys


def main(file: str, dag_id: str, conf: str) -> None:
    found = runpy.run_path(file)
    (dag,) = {id(each): each for each in found.values() if getattr(each, "dag_id", None) == dag_id}.values()
    run = dag.test(run_conf=json.loads(conf))
    tasks = [[each.task_id, each.map_index, str(each.state)] for each in run.get_task_instances()]
    sys.stdout.write(f"\n{json.dumps({'state': str(run.state), 'tasks': sorted(tasks)})}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
