import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.SAXException;

/**
 * One CAR file: artifacts.xml, the artifacts that it lists for this server's roles, and the proxy services among them.
 * As wso2/carbon-kernel reads it (ApplicationConfiguration, ApplicationManager.searchArtifacts and buildDependencyTree).
 */
final class Car {
    /** A DeploymentException or CarbonException: the application is faulty. */
    static final class Fault extends Exception {
        Fault(String text, Throwable cause) { super(text, cause); }
    }

    private record Artifact(String folder, Element element) { }

    private static final String TYPE = "carbon/application";
    private final ZipFile zip;
    private final Element application;
    private final List<Element> dependencies;
    private final List<Artifact> resolved = new ArrayList<>();
    private final List<Proxy> proxies = new ArrayList<>();

    private Car(ZipFile zip, Element application, List<Element> dependencies) {
        this.zip = zip;
        this.application = application;
        this.dependencies = dependencies;
    }

    static Car read(File file, List<String> roles) throws Fault {
        ZipFile zip;
        try {
            zip = new ZipFile(file);
        } catch (IOException error) {
            throw new Fault("Error while extracting Carbon Application : " + file.getName(), error);
        }
        if (zip.getEntry("artifacts.xml") == null) throw new Fault("artifacts.xml file not found at : " + file + "/artifacts.xml", null);
        for (Element artifact : children(xml(zip, "artifacts.xml"), "artifact")) {
            if (!artifact.getAttribute("type").equals(TYPE)) continue;
            List<Element> mine = new ArrayList<>(children(artifact, "dependency"));
            // A dependency without a role ends in a NullPointerException there.
            mine.removeIf(dependency -> roles.stream().noneMatch(value(dependency, "serverRole")::matches));
            return new Car(zip, artifact, mine);
        }
        throw new Fault("artifacts.xml is invalid. No Artifact found with the type - " + TYPE, null);
    }

    String nameWithVersion() {
        String version = value(application, "version");
        return application.getAttribute("name") + (version == null ? "" : "_" + version);
    }

    List<Element> dependencies() { return dependencies; }

    List<Proxy> proxies() { return proxies; }

    /** The file; what was read stays. */
    void close() {
        try {
            zip.close();
        } catch (IOException error) {
            Log.error("org.wso2.carbon.application.deployer.AppDeployerUtils", "Error closing a CAR file", error);
        }
    }

    /** Finds the folder of each artifact that is listed; false when one has none. */
    boolean resolve() throws Fault {
        List<Artifact> all = new ArrayList<>();
        for (ZipEntry entry : Collections.list(zip.entries())) {
            String[] parts = entry.getName().split("/");
            if (parts.length == 2 && parts[1].equals("artifact.xml")) all.add(new Artifact(parts[0], xml(zip, entry.getName())));
        }
        return resolve(dependencies, all);
    }

    private boolean resolve(List<Element> wanted, List<Artifact> all) {
        for (Element dependency : wanted) {
            Artifact found = null;
            for (Artifact artifact : all) {
                boolean same = dependency.getAttribute("artifact").equals(artifact.element.getAttribute("name"))
                    && dependency.getAttribute("version").equals(artifact.element.getAttribute("version"));
                if (same) found = artifact;
            }
            if (found == null) return false;
            if (resolved.contains(found)) continue;
            resolved.add(found);
            if (!resolve(children(found.element, "dependency"), all)) return false;
        }
        return true;
    }

    /** SynapseAppDeployer: an artifact of several files or none is left out with an error, one that fails is a fault. */
    void deploy() throws Fault {
        for (Artifact artifact : resolved) {
            String type = artifact.element.getAttribute("type");
            if (!type.startsWith("synapse/")) continue;
            List<Element> files = children(artifact.element, "file");
            if (files.size() != 1) {
                Log.error("org.wso2.carbon.application.deployer.synapse.SynapseAppDeployer",
                    "Synapse artifact types must have a single file to be deployed. But " + files.size() + " files found.", null);
                continue;
            }
            String file = artifact.folder + "/" + files.get(0).getTextContent().trim();
            if (zip.getEntry(file) == null) throw new Fault("java.io.FileNotFoundException: File '" + file + "' does not exist", null);
            if (!file.endsWith(".xml")) continue;
            Element element = xml(zip, file);
            try {
                if (type.equals("synapse/proxy-service")) proxies.add(Proxy.of(element));
                else Proxy.check(element);
            } catch (IllegalArgumentException error) {
                Log.error("org.apache.synapse.deployers.ProxyServiceDeployer",
                    "Deployment of the Synapse Artifact from file : " + file + " : Failed!", error);
                throw new Fault(error.getClass().getName() + ": " + error.getMessage(), error);
            }
        }
    }

    private static Element xml(ZipFile zip, String name) throws Fault {
        try (var in = zip.getInputStream(zip.getEntry(name))) {
            return parse(in.readAllBytes());
        } catch (SAXException | IOException error) {
            throw new Fault("Error while parsing the " + name + " file ", error);
        }
    }

    static Element parse(byte[] text) throws SAXException, IOException {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            return factory.newDocumentBuilder().parse(new ByteArrayInputStream(text)).getDocumentElement();
        } catch (ParserConfigurationException error) {
            throw new IllegalStateException(error);
        }
    }

    static List<Element> children(Element of, String name) {
        List<Element> found = new ArrayList<>();
        for (Node at = of.getFirstChild(); at != null; at = at.getNextSibling()) {
            if (at instanceof Element element && (name == null || element.getLocalName().equals(name))) found.add(element);
        }
        return found;
    }

    private static String value(Element of, String attribute) {
        return of.hasAttribute(attribute) ? of.getAttribute(attribute) : null;
    }
}
