import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.SimpleDateFormat;
import java.util.Date;

/** Lines as Carbon's log4j pattern writes them, on standard output and in repository/logs/wso2carbon.log. */
final class Log {
    private static PrintStream file;

    private Log() { }

    /** Appended to, as log4j's file appender does (product-ei, distribution/src/conf). */
    static void open(Path home) throws IOException {
        Path logs = Files.createDirectories(home.resolve("repository/logs"));
        file = new PrintStream(Files.newOutputStream(logs.resolve("wso2carbon.log"),
            java.nio.file.StandardOpenOption.CREATE, java.nio.file.StandardOpenOption.APPEND), true);
    }

    static void info(String logger, String text) { write("INFO", logger, text); }

    static void warn(String logger, String text) { write("WARN", logger, text); }

    static void error(String logger, String text, Throwable cause) {
        write("ERROR", logger, cause == null ? text : text + " " + cause);
        for (Throwable at = cause == null ? null : cause.getCause(); at != null; at = at.getCause()) {
            write("ERROR", logger, "Caused by: " + at);
        }
    }

    /** As log4j writes an exception: the line itself, and below it the trace. */
    static synchronized void trace(String logger, String text, Throwable thrown) {
        write("ERROR", logger, text);
        raw("org.apache.axis2.deployment.DeploymentException: " + thrown.getMessage());
        raw("\tat " + logger + ".deployCarbonApp(ApplicationManager.java)");
        for (Throwable at = thrown.getCause(); at != null; at = at.getCause()) raw("Caused by: " + at);
    }

    private static synchronized void write(String level, String logger, String text) {
        String time = new SimpleDateFormat("yyyy-MM-dd HH:mm:ss,SSS").format(new Date());
        raw("TID: [-1234] [] [" + time + "] " + level + " {" + logger + "} -  " + text);
    }

    private static void raw(String line) {
        System.out.println(line);
        if (file != null) file.println(line);
    }
}
