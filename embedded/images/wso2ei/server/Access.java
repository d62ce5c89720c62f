import com.sun.net.httpserver.HttpExchange;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Locale;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.w3c.dom.Element;

/**
 * The two access logs, which EI writes into files of their own, without log4j: the console's as the valve of
 * catalina-server.xml says, the gateway's as access-log.properties says where log4j lets it (wso2-synapse, AccessLogger).
 * A file that cannot be opened is a warning, and there is no log then.
 */
final class Access {
    private static final Pattern FIELD = Pattern.compile("%(?:\\{([^}]+)}i|([hlutrsb]))");
    private static final String GATEWAY = "org.apache.synapse.transport.http.access";
    /** None at all. */
    static final Access OFF = new Access(null, "");
    private final PrintStream out;
    private final String pattern;

    private Access(PrintStream out, String pattern) {
        this.out = out;
        this.pattern = pattern.equals("combined") ? "%h %l %u %t \"%r\" %s %b \"%{Referer}i\" \"%{User-Agent}i\"" : pattern;
    }

    static Access console(Conf catalina) {
        Element host = Conf.element(catalina.root(), "Service/Engine/Host");
        if (host == null) return OFF;
        for (Element valve : Conf.children(host, "Valve")) {
            if (!valve.getAttribute("className").equals("org.apache.catalina.valves.AccessLogValve")) continue;
            String date = valve.getAttribute("rotatable").equals("false") ? "" : new SimpleDateFormat(".yyyy-MM-dd").format(new Date());
            Path file = Path.of(catalina.fill(valve.getAttribute("directory")),
                valve.getAttribute("prefix") + date + valve.getAttribute("suffix"));
            return open(file, valve.getAttribute("pattern"));
        }
        return OFF;
    }

    static Access gateway(Path home) {
        if (!wanted(home)) return OFF;
        Properties given = Conf.properties(home, "conf/access-log.properties");
        String format = given.getProperty("access_log_file_date_format", "yyyy-MM-dd");
        String name = given.getProperty("access_log_prefix", "http_access_")
            + (format.isEmpty() ? "" : new SimpleDateFormat(format).format(new Date()))
            + given.getProperty("access_log_suffix", ".log");
        return open(home.resolve(given.getProperty("access_log_directory", "repository/logs")).resolve(name),
            given.getProperty("access_log_pattern", "combined"));
    }

    /** WARN by default, in both forms of log4j's file. */
    private static boolean wanted(Path home) {
        Properties one = Conf.properties(home, "conf/log4j.properties");
        Properties two = Conf.properties(home, "conf/log4j2.properties");
        String level = one.getProperty("log4j.logger." + GATEWAY, two.getProperty("logger.synapse-transport-http-access.level", "WARN"));
        return level.trim().toUpperCase(Locale.ROOT).matches("(INFO|DEBUG|TRACE|ALL)\\b.*");
    }

    private static Access open(Path file, String pattern) {
        try {
            return new Access(new PrintStream(new FileOutputStream(file.toFile(), true), true, StandardCharsets.UTF_8), pattern);
        } catch (IOException error) {
            Log.warn("org.apache.synapse.transport.http.conn.AccessLogger", "Unable to open the print writer " + file + " " + error);
            return OFF;
        }
    }

    void write(HttpExchange exchange, long bytes) {
        if (out == null) return;
        Matcher matcher = FIELD.matcher(pattern);
        StringBuilder line = new StringBuilder();
        while (matcher.find()) matcher.appendReplacement(line, Matcher.quoteReplacement(value(exchange, bytes, matcher)));
        out.println(matcher.appendTail(line));
    }

    private static String value(HttpExchange exchange, long bytes, Matcher matcher) {
        if (matcher.group(1) != null) {
            String header = exchange.getRequestHeaders().getFirst(matcher.group(1));
            return header == null ? "-" : header;
        }
        return switch (matcher.group(2)) {
            case "h" -> exchange.getRemoteAddress().getAddress().getHostAddress();
            case "t" -> new SimpleDateFormat("[dd/MMM/yyyy:HH:mm:ss Z]", Locale.ENGLISH).format(new Date());
            case "r" -> exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + exchange.getProtocol();
            case "s" -> String.valueOf(exchange.getResponseCode());
            case "b" -> bytes > 0 ? String.valueOf(bytes) : "-";
            default -> "-";
        };
    }
}
