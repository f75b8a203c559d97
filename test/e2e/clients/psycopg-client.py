# psycopg 3 at work on three connections while the test moves the leader under it. Says `busy` when all three are under way, waits for a line before it
# commits a transaction that was open all the while, for another before it stops, and ends with one line of JSON. It judges nothing.
#
#   psycopg-client.py URI
import ctypes.util
import json
import sys
import threading

# libpq unpacked beside psycopg is in no index of the machine's libraries; LD_LIBRARY_PATH leads to it.
known = ctypes.util.find_library
ctypes.util.find_library = lambda name: "libpq.so.5" if name == "pq" else known(name)
import psycopg

URI = sys.argv[1]
ROWS = 3000
PORT = "SELECT inet_server_port()"
stop = threading.Event()
started = [threading.Event(), threading.Event(), threading.Event()]
errors = []
result = {"psycopg": psycopg.__version__, "libpq": psycopg.pq.version()}


def guarded(work):
    def run():
        try:
            work()
        except psycopg.Error as error:
            errors.append(f"{work.__name__}: {error.sqlstate} {error}")
        except Exception as error:
            errors.append(f"{work.__name__}: {error!r}")

    return run


def copy_both_ways():
    with psycopg.connect(URI) as connection:
        result["in_hot_standby"] = connection.info.parameter_status("in_hot_standby")
        connection.execute("CREATE TABLE copied (id int PRIMARY KEY, word text, bytes bytea)")
        rows = [(i, f"w\t{i}\\ü\n", bytes([i % 256, 0, 255])) for i in range(ROWS)]
        with connection.cursor().copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "bytea"])
            for row in rows:
                copy.write_row(row)
        with connection.cursor().copy("COPY (SELECT id, word, bytes FROM copied ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "bytea"])
            result["copied_back"] = list(copy.rows()) == rows


def server_side_cursor():
    with psycopg.connect(URI) as connection, connection.cursor(name="walk") as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT id FROM copied ORDER BY id")
        result["walked"] = sum(id for (id,) in cursor)
        cursor.scroll(10, mode="absolute")
        result["scrolled_to"] = cursor.fetchone()[0]


def prepared_loop():
    with psycopg.connect(URI, prepare_threshold=2) as connection:
        connection.execute("CREATE TABLE prepared (id int)")
        connection.commit()
        ports, done = set(), 0
        while not stop.is_set():
            with connection.transaction():
                connection.execute("INSERT INTO prepared VALUES (%s)", (done,))
                ports.add(connection.execute(PORT).fetchone()[0])
            done += 1
            if done == 10:
                started[0].set()
        result["prepared"] = done
        result["prepared_ports"] = len(ports)
        result["prepared_rows"] = connection.execute("SELECT count(*) FROM prepared").fetchone()[0]
        result["prepared_on_server"] = connection.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO prepared%'"
        ).fetchone()[0]


def pipeline_loop():
    with psycopg.connect(URI, autocommit=True, prepare_threshold=0) as connection:
        connection.execute("CREATE TABLE piped (id int)")
        done = 0
        while not stop.is_set():
            with connection.pipeline():
                for _ in range(20):
                    connection.execute("INSERT INTO piped VALUES (%s)", (done,))
                    done += 1
            if done >= 100:
                started[1].set()
        result["piped"] = done
        result["piped_rows"] = connection.execute("SELECT count(*) FROM piped").fetchone()[0]


def open_transaction():
    with psycopg.connect(URI) as connection:
        connection.execute("CREATE TABLE spanning (id int)")
        connection.commit()
        connection.execute("INSERT INTO spanning VALUES (1)")
        before = connection.execute(PORT).fetchone()[0]
        started[2].set()
        committed.wait(60)
        connection.execute("INSERT INTO spanning VALUES (2)")
        connection.commit()
        stop.wait(60)
        result["spanning_rows"] = connection.execute("SELECT count(*) FROM spanning").fetchone()[0]
        result["spanning_moved"] = connection.execute(PORT).fetchone()[0] != before


committed = threading.Event()
for work in (copy_both_ways, server_side_cursor):
    guarded(work)()
threads = [threading.Thread(target=guarded(work), daemon=True) for work in (prepared_loop, pipeline_loop, open_transaction)]
for thread in threads:
    thread.start()
for event in started:
    event.wait(20)
print("busy", flush=True)
sys.stdin.readline()
committed.set()
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join(20)
print(json.dumps({**result, "errors": errors}), flush=True)
