import java.text.SimpleDateFormat;
import java.util.Date;

/** Lines as Carbon's log4j pattern writes them, on standard output. */
final class Log {
    private Log() { }

    static void info(String logger, String text) { write("INFO", logger, text); }

    static void warn(String logger, String text) { write("WARN", logger, text); }

    static void error(String logger, String text, Throwable cause) {
        write("ERROR", logger, cause == null ? text : text + " " + cause);
        for (Throwable at = cause == null ? null : cause.getCause(); at != null; at = at.getCause()) {
            write("ERROR", logger, "Caused by: " + at);
        }
    }

    private static synchronized void write(String level, String logger, String text) {
        String time = new SimpleDateFormat("yyyy-MM-dd HH:mm:ss,SSS").format(new Date());
        System.out.println("TID: [-1234] [] [" + time + "] " + level + " {" + logger + "} -  " + text);
    }
}
