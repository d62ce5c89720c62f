import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.w3c.dom.Element;
import org.xml.sax.SAXException;

/**
 * Proxy services that are files, in the deployment folder and in that of each tenant, deployed and removed while the
 * server runs, as axis2's RepositoryListener and wso2-synapse's ProxyServiceDeployer do it: one that cannot be built is
 * logged and not deployed. Tenants are there from the start; in Carbon the first request loads one.
 */
final class Synapse {
    private static final String DEPLOYER = "org.apache.synapse.deployers.ProxyServiceDeployer";
    private static final String PROXIES = "synapse-configs/default/proxy-services";
    private static final List<String> SEQUENCES = List.of("inSequence", "outSequence", "faultSequence");
    private final Path server;
    private final Path tenants;
    private final Cars cars;
    private final Map<Path, Long> known = new HashMap<>();
    private final Map<Path, Proxy> deployed = new HashMap<>();

    Synapse(Path home, Cars cars) {
        this.server = home.resolve("repository/deployment/server");
        this.tenants = home.resolve("repository/tenants");
        this.cars = cars;
    }

    /** Proxy services of CARs and files, by name. */
    Map<String, Proxy> services() {
        Map<String, Proxy> all = cars.services();
        in(server).forEach(all::putIfAbsent);
        return all;
    }

    /** Those of one tenant. */
    Map<String, Proxy> ofTenant(int id) { return in(tenants.resolve(Integer.toString(id))); }

    private synchronized Map<String, Proxy> in(Path top) {
        Map<String, Proxy> found = new TreeMap<>();
        deployed.forEach((file, proxy) -> { if (file.startsWith(top)) found.put(proxy.name(), proxy); });
        return found;
    }

    /** Look once, at CARs and files; called at the start and every DeploymentUpdateInterval. */
    void scan() {
        cars.scan();
        scanFiles();
    }

    private synchronized void scanFiles() {
        List<Path> found = new ArrayList<>(list(server.resolve(PROXIES)));
        for (Path tenant : list(tenants)) found.addAll(list(tenant.resolve(PROXIES)));
        found.removeIf(file -> !file.toString().endsWith(".xml"));
        for (Path file : List.copyOf(known.keySet())) {
            if (found.contains(file)) continue;
            known.remove(file);
            Proxy gone = deployed.remove(file);
            if (gone != null) Log.info(DEPLOYER, "ProxyService named '" + gone.name() + "' has been undeployed");
        }
        for (Path file : found) {
            try {
                long changed = Files.getLastModifiedTime(file).toMillis();
                if (!Long.valueOf(changed).equals(known.put(file, changed))) deploy(file);
            } catch (IOException error) {
                Log.error(DEPLOYER, "Error reading " + file, error);
            }
        }
    }

    private void deploy(Path file) throws IOException {
        deployed.remove(file);
        try {
            Proxy proxy = Proxy.of(Car.parse(Files.readAllBytes(file)));
            deployed.put(file, proxy);
            Log.info(DEPLOYER, "ProxyService named '" + proxy.name() + "' has been deployed from file : " + file);
        } catch (SAXException | IllegalArgumentException error) {
            Log.error(DEPLOYER, "Deployment of the Synapse Artifact from file : " + file + " : Failed!", error);
        }
    }

    private static List<Path> list(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        } catch (NoSuchFileException | java.nio.file.NotDirectoryException error) {
            return List.of();
        } catch (IOException error) {
            Log.error(DEPLOYER, "Error reading " + folder, error);
            return List.of();
        }
    }

    /**
     * The operation addProxy of ProxyServiceAdmin (wso2/carbon-mediation), for proxies of inline sequences: a name that is
     * taken and what Synapse cannot build are faults; else this node serves it at once, and MediationPersistenceManager
     * writes it to a file of its name, in place.
     */
    synchronized void addProxy(byte[] request) throws SAXException, IOException {
        Element data = child(child(child(Car.parse(request), "Body"), "addProxy"), "pd");
        String name = child(data, "name").getTextContent().trim();
        if (services().containsKey(name)) throw new IllegalArgumentException("A service named " + name + " already exists");
        StringBuilder target = new StringBuilder();
        for (String sequence : SEQUENCES) {
            Car.children(data, sequence.replace("Sequence", "SeqXML")).forEach(found -> target.append(found.getTextContent().trim()));
        }
        String text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<proxy xmlns=\"http://ws.apache.org/ns/synapse\" name=\"" + name
            + "\" transports=\"https http\" startOnLoad=\"true\">\n   <target>" + target + "</target>\n</proxy>\n";
        Proxy proxy = Proxy.of(Car.parse(text.getBytes(StandardCharsets.UTF_8)));
        Path file = Files.writeString(server.resolve(PROXIES).resolve(name + ".xml"), text);
        known.put(file, Files.getLastModifiedTime(file).toMillis());
        deployed.put(file, proxy);
    }

    private static Element child(Element of, String name) {
        List<Element> found = Car.children(of, name);
        if (found.isEmpty()) throw new IllegalArgumentException("The request has no element " + name);
        return found.get(0);
    }
}
