import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.w3c.dom.Element;

/**
 * A proxy service, as far as the stand-in carries one out: it waits {@code delayMillis}, logs one header, and answers
 * with the node's name, the URI of its endpoint, and what its dblookup found.
 */
record Proxy(String name, int delay, String logged, String header, String endpoint, Lookup lookup) {
    private static final Pattern HEADER = Pattern.compile("get-property\\('transport',\\s*'([^']+)'\\)");
    /** ResolverFactory of wso2-synapse (2.1.7-wso2v111, EI 6.5.0, and later); earlier ones take the text as it is. */
    private static final Pattern VARIABLE = Pattern.compile("\\$SYSTEM:([_a-zA-Z0-9]+)");
    private static final Set<String> MEDIATORS = Set.of("log", "property", "propertyGroup", "respond", "send", "drop", "call",
        "callout", "payloadFactory", "filter", "switch", "sequence", "header", "loopback", "clone", "iterate", "aggregate",
        "enrich", "fault", "makefault", "store", "cache", "throttle", "validate", "xslt", "script", "class", "dblookup",
        "dbreport", "call-template", "foreach", "dataServiceCall", "jsontransform");

    /** Throws as the deployers do: for what Synapse cannot build, the artifact's deployment fails. */
    static Proxy of(Element element) {
        if (element.getAttribute("name").isEmpty()) throw new IllegalArgumentException("The 'name' attribute is required for a Proxy service definition");
        check(element);
        int delay = 0;
        for (Element parameter : Car.children(element, "parameter")) {
            if (parameter.getAttribute("name").equals("delayMillis")) delay = Integer.parseInt(parameter.getTextContent().trim());
        }
        String logged = null;
        String header = null;
        var properties = element.getElementsByTagNameNS("*", "property");
        for (int at = 0; at < properties.getLength(); at++) {
            Element property = (Element) properties.item(at);
            Matcher matcher = HEADER.matcher(property.getAttribute("expression"));
            if (!((Element) property.getParentNode()).getLocalName().equals("log") || !matcher.find()) continue;
            logged = property.getAttribute("name");
            header = matcher.group(1);
        }
        String endpoint = null;
        for (String kind : List.of("address", "http")) {
            var found = element.getElementsByTagNameNS("*", kind);
            if (found.getLength() == 0) continue;
            Element address = (Element) found.item(0);
            endpoint = resolved(address.getAttribute(kind.equals("http") ? "uri-template" : "uri"));
        }
        var lookups = element.getElementsByTagNameNS("*", "dblookup");
        Lookup lookup = lookups.getLength() == 0 ? null : Lookup.of((Element) lookups.item(0));
        return new Proxy(element.getAttribute("name"), delay, logged, header, endpoint, lookup);
    }

    /** MediatorFactoryFinder's refusal. */
    static void check(Element element) {
        for (Element child : Car.children(element, null)) {
            String parent = element.getLocalName();
            boolean sequence = parent.equals("inSequence") || parent.equals("outSequence") || parent.equals("faultSequence")
                || parent.equals("sequence");
            if (sequence && !MEDIATORS.contains(child.getLocalName())) {
                throw new IllegalArgumentException("Unknown mediator referenced by configuration element : {"
                    + child.getNamespaceURI() + "}" + child.getLocalName());
            }
            check(child);
        }
    }

    private static String resolved(String uri) {
        Matcher matcher = VARIABLE.matcher(uri);
        boolean resolves = System.getProperty("ei.version", "").compareTo("6.5.0") >= 0;
        if (!uri.startsWith("$SYSTEM") || !resolves || !matcher.find()) return uri;
        String value = System.getenv(matcher.group(1));
        if (value == null) throw new IllegalArgumentException("Environment variable could not be found");
        return value;
    }
}
