import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.w3c.dom.Element;

/**
 * The internal HTTP API of 6.5.0 and 6.6.0 with Prometheus' metrics, which is all that the packs have there
 * (carbon-mediation 4.6.150 and 4.7.30: ConfigurationLoader, InternalAPIDispatcher, MetricCollector). It listens when
 * synapse.properties enables it and a system property enable... turns on an API of internal-apis.xml.
 *
 * Of the metrics, which are the numbers of Synapse's MBeans, a few are here: those of the gateway's two listeners.
 */
final class Metrics {
    private static final String CLASS = "org.wso2.carbon.prometheus.publisher.service.MetricAPI";
    private static final String HELP = "Attribute exposed for management";
    /** By scheme: messages received, bytes sent. A scrape comes in by the configuration of the listener for http. */
    private final Map<String, AtomicLong[]> counted = new ConcurrentHashMap<>();

    Metrics() {
        for (String scheme : new String[] {"http", "https"}) counted.put(scheme, new AtomicLong[] {new AtomicLong(), new AtomicLong()});
    }

    /** The port, if there is anything to listen for. Throws as the mediation's start fails, for an API that is none. */
    static OptionalInt port(Path home) {
        Properties synapse = Conf.properties(home, "conf/synapse.properties");
        boolean known = System.getProperty("ei.version", "").compareTo("6.5.0") >= 0;
        if (!known || !Boolean.parseBoolean(synapse.getProperty("internal.http.api.enabled"))) return OptionalInt.empty();
        int port = Integer.parseInt(synapse.getProperty("internal.http.api.port", "9191"));
        Conf file = new Conf(home, "conf/internal-apis.xml", Conf.Placeholders.NONE);
        if (!file.root().getTagName().equals("internalApis")) throw new IllegalStateException("Invalid internal api configuration file");
        Element apis = Conf.element(file.root(), "apis");
        boolean found = false;
        for (Element api : apis == null ? java.util.List.<Element>of() : Conf.children(apis, "api")) {
            String name = api.getAttribute("name");
            if (name.isEmpty()) throw new IllegalStateException("Name not defined in one or more handlers");
            if (!Boolean.parseBoolean(System.getProperty("enable" + name))) continue;
            if (!api.getAttribute("class").equals(CLASS)) {
                throw new IllegalStateException("Error creating Internal InternalAPI for class name : " + api.getAttribute("class"));
            }
            for (String protocol : api.getAttribute("protocol").split(" ")) {
                if (!protocol.equals("http")) throw new IllegalStateException("STAND-IN: protocol '" + protocol + "' of an internal API is not imitated");
                found = true;
            }
        }
        return found ? OptionalInt.of(port) : OptionalInt.empty();
    }

    void count(String scheme, long bytes) {
        counted.get(scheme)[0].incrementAndGet();
        counted.get(scheme)[1].addAndGet(bytes);
    }

    /** One API with one resource; whatever else is asked is not found, and the answer is empty. */
    void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        if (!exchange.getRequestMethod().equals("GET") || !path.equals("/metric-service/metrics")) {
            Log.warn("org.wso2.carbon.inbound.endpoint.internal.http.api.InternalAPIDispatcher", "No Internal API found to dispatch the message");
            exchange.sendResponseHeaders(404, -1);
            return;
        }
        byte[] body = text().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "text/plain");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
    }

    private String text() {
        StringBuilder out = new StringBuilder("# STAND-IN for WSO2 Enterprise Integrator\n");
        String[] names = {"org_apache_synapse_transport_messages_received", "org_apache_synapse_transport_bytes_sent"};
        for (int at = 0; at < names.length; at++) {
            out.append("# HELP " + names[at] + " " + HELP + "\n# TYPE " + names[at] + " untyped\n");
            for (Map.Entry<String, AtomicLong[]> scheme : new TreeMap<>(counted).entrySet()) {
                out.append(names[at] + "{Type=\"Transport\", Name=\"passthru-" + scheme.getKey() + "-receiver\"} "
                    + (double) scheme.getValue()[at].get() + "\n");
            }
        }
        return out.toString();
    }
}
