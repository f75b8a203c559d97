// pgjdbc at work on three connections while the test moves the leader under it. Says `busy` when all three are under way, waits for a line before it
// stops, and ends with one line of JSON. It judges nothing.
//
//   java -cp postgresql.jar PgjdbcClient.java URL USER PASSWORD
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.postgresql.PGStatement;

public class PgjdbcClient {
  private static final int BATCH = 50;
  private static final Map<String, Object> result = Collections.synchronizedMap(new TreeMap<>());
  private static final List<String> errors = Collections.synchronizedList(new ArrayList<>());
  private static final CountDownLatch started = new CountDownLatch(3);
  private static volatile boolean stop = false;
  private static String url;
  private static final Properties properties = new Properties();

  interface Work {
    void run() throws Exception;
  }

  private static Thread guarded(String name, Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (SQLException error) {
        errors.add(name + ": " + error.getSQLState() + " " + error.getMessage());
      } catch (Exception error) {
        errors.add(name + ": " + error);
      }
    });
    thread.start();
    return thread;
  }

  private static Connection connect() throws SQLException {
    return DriverManager.getConnection(url, properties);
  }

  private static int one(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getInt(1);
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private static void prepared() throws SQLException {
    Set<Integer> ports = ConcurrentHashMap.newKeySet();
    try (Connection connection = connect()) {
      execute(connection, "CREATE TABLE jdbc_prepared (id int)");
      String sql = "INSERT INTO jdbc_prepared VALUES (?) RETURNING inet_server_port()";
      int done = 0;
      try (PreparedStatement insert = connection.prepareStatement(sql)) {
        while (!stop) {
          insert.setInt(1, done++);
          try (ResultSet rows = insert.executeQuery()) {
            rows.next();
            ports.add(rows.getInt(1));
          }
          if (done == 10) started.countDown();
        }
        result.put("onServer", insert.unwrap(PGStatement.class).isUseServerPrepare());
      }
      result.put("prepared", done);
      result.put("preparedRows", one(connection, "SELECT count(*) FROM jdbc_prepared"));
      result.put("preparedPorts", ports.size());
    }
  }

  private static void batches() throws SQLException {
    try (Connection connection = connect()) {
      execute(connection, "CREATE TABLE jdbc_batch (id int, word text)");
      connection.setAutoCommit(false);
      int done = 0;
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO jdbc_batch (id, word) VALUES (?, ?)")) {
        while (!stop) {
          for (int i = 0; i < BATCH; i++) {
            insert.setInt(1, done++);
            insert.setString(2, "word " + i);
            insert.addBatch();
          }
          insert.executeBatch();
          connection.commit();
          if (done == 10 * BATCH) started.countDown();
        }
      }
      result.put("batched", done);
      result.put("batchedRows", one(connection, "SELECT count(DISTINCT id) FROM jdbc_batch"));
    }
  }

  private static void cursor() throws SQLException {
    try (Connection connection = connect()) {
      connection.setAutoCommit(false);
      int walks = 0;
      int wrong = 0;
      while (!stop) {
        int rows = 0;
        try (PreparedStatement walk = connection.prepareStatement("SELECT generate_series(1, ?)")) {
          walk.setFetchSize(40);
          walk.setInt(1, 500);
          try (ResultSet found = walk.executeQuery()) {
            while (found.next()) rows++;
          }
        }
        connection.commit();
        if (rows != 500) wrong++;
        if (++walks == 5) started.countDown();
      }
      result.put("wrongWalks", wrong);
    }
  }

  /** A time limit of a statement is a cancel request of the driver, on a connection of its own. */
  private static void timeLimit() throws SQLException {
    try (Connection connection = connect(); Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      try {
        statement.execute("SELECT pg_sleep(20)");
        result.put("timeLimit", "slept");
      } catch (SQLException error) {
        result.put("timeLimit", error.getSQLState());
      }
      result.put("valid", connection.isValid(2));
    }
  }

  private static String json() {
    List<String> parts = new ArrayList<>();
    result.forEach((key, value) -> parts.add("\"" + key + "\":" + (value instanceof String ? "\"" + value + "\"" : value)));
    List<String> quoted = new ArrayList<>();
    for (String error : errors) quoted.add("\"" + error.replaceAll("[\"\\\\\n]", " ") + "\"");
    parts.add("\"errors\":[" + String.join(",", quoted) + "]");
    return "{" + String.join(",", parts) + "}";
  }

  public static void main(String[] args) throws Exception {
    url = args[0];
    properties.setProperty("user", args[1]);
    properties.setProperty("password", args[2]);
    properties.setProperty("prepareThreshold", "3");
    properties.setProperty("reWriteBatchedInserts", "true");
    List<Thread> threads = List.of(
        guarded("prepared", PgjdbcClient::prepared), guarded("batches", PgjdbcClient::batches), guarded("cursor", PgjdbcClient::cursor));
    started.await(20, TimeUnit.SECONDS);
    System.out.println("busy");
    System.in.read();
    stop = true;
    for (Thread thread : threads) thread.join(20_000);
    guarded("timeLimit", PgjdbcClient::timeLimit).join(20_000);
    System.out.println(json());
  }
}
