import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Carbon applications in repository/deployment/server/carbonapps, deployed and removed while the server runs. */
final class Cars {
    private static final String LOGGER = "org.wso2.carbon.application.deployer.internal.ApplicationManager";
    private static final Pattern PROXY = Pattern.compile("<proxy\\s[^>]*name=\"([^\"]+)\"");
    private static final Pattern DELAY = Pattern.compile("<parameter\\s+name=\"delayMillis\">\\s*(\\d+)\\s*</parameter>");
    /** A log mediator of level "custom" with one property that takes a header of the request. */
    private static final Pattern LOG = Pattern.compile(
        "<log\\s+level=\"custom\">\\s*<property\\s+name=\"([^\"]+)\"\\s+expression=\"get-property\\('transport',\\s*'([^']+)'\\)\"");
    private final Path folder;
    private final Map<Path, Long> known = new ConcurrentHashMap<>();
    private final Map<Path, Map<String, Integer>> proxies = new ConcurrentHashMap<>();
    private final Map<String, String[]> logs = new ConcurrentHashMap<>();

    Cars(Path home) { this.folder = home.resolve("repository/deployment/server/carbonapps"); }

    /** Delay in milliseconds of each proxy service. */
    Map<String, Integer> services() {
        Map<String, Integer> all = new TreeMap<>();
        proxies.values().forEach(all::putAll);
        return all;
    }

    /** Name of the property and header that a service's log mediator writes, or null. */
    String[] log(String service) { return logs.get(service); }

    /** Look once; called at the start and every DeploymentUpdateInterval. */
    void scan() {
        try (Stream<Path> files = Files.list(folder)) {
            files.filter(file -> file.toString().endsWith(".car")).sorted().forEach(this::consider);
        } catch (IOException error) {
            Log.error(LOGGER, "Error reading " + folder, error);
        }
        for (Path file : known.keySet()) {
            if (!Files.exists(file)) {
                known.remove(file);
                proxies.remove(file);
                Log.info(LOGGER, "Undeployed Carbon Application : " + file.getFileName());
            }
        }
    }

    private void consider(Path file) {
        try {
            long changed = Files.getLastModifiedTime(file).toMillis();
            if (Long.valueOf(changed).equals(known.put(file, changed))) return;
            proxies.put(file, read(file));
            Log.info(LOGGER, "Successfully Deployed Carbon Application : " + file.getFileName() + " {super-tenant}");
        } catch (IOException | IllegalArgumentException error) {
            proxies.remove(file);
            Log.error(LOGGER, "Error occurred while deploying Carbon Application : " + file.getFileName(), error);
        }
    }

    private Map<String, Integer> read(Path file) throws IOException {
        Map<String, Integer> found = new TreeMap<>();
        try (ZipFile zip = new ZipFile(file.toFile())) {
            if (zip.getEntry("artifacts.xml") == null) throw new IOException("artifacts.xml is not in the archive");
            for (ZipEntry entry : java.util.Collections.list(zip.entries())) {
                if (!entry.getName().endsWith(".xml")) continue;
                try (InputStream in = zip.getInputStream(entry)) {
                    String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                    Matcher proxy = PROXY.matcher(text);
                    Matcher delay = DELAY.matcher(text);
                    if (!proxy.find()) continue;
                    found.put(proxy.group(1), delay.find() ? Integer.parseInt(delay.group(1)) : 0);
                    Matcher log = LOG.matcher(text);
                    if (log.find()) logs.put(proxy.group(1), new String[] {log.group(1), log.group(2)});
                }
            }
        }
        return found;
    }
}
