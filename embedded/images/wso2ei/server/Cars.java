import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Carbon applications in repository/deployment/server/carbonapps, deployed and removed while the server runs.
 *
 * The steps, their order, what is refused, what is only ignored, and every line are those of ApplicationManager and
 * CappAxis2Deployer in wso2/carbon-kernel, which did not change between v4.4.26 and v4.5.3. An update takes the old
 * application away before the new one is looked at. The line of a fault names neither file nor application.
 */
final class Cars {
    private static final String MANAGER = "org.wso2.carbon.application.deployer.internal.ApplicationManager";
    private static final String DEPLOYER = "org.wso2.carbon.application.deployer.CappAxis2Deployer";
    private final Path folder;
    private final List<String> roles;
    private final Map<Path, Long> known = new HashMap<>();
    private final Map<Path, Car> deployed = new ConcurrentHashMap<>();

    Cars(Path home, List<String> roles) {
        this.folder = home.resolve("repository/deployment/server/carbonapps");
        this.roles = roles;
    }

    /** Proxy services by name. */
    Map<String, Proxy> services() {
        Map<String, Proxy> all = new TreeMap<>();
        deployed.values().forEach(car -> car.proxies().forEach(proxy -> all.put(proxy.name(), proxy)));
        return all;
    }

    /** Look once; called at the start and every DeploymentUpdateInterval. */
    void scan() {
        List<Path> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            files.filter(file -> file.toString().endsWith(".car") && Files.isRegularFile(file)).sorted().forEach(found::add);
        } catch (IOException error) {
            Log.error(DEPLOYER, "Error reading " + folder, error);
        }
        for (Path file : List.copyOf(known.keySet())) {
            if (!found.contains(file)) remove(file);
        }
        for (Path file : found) {
            try {
                long changed = Files.getLastModifiedTime(file).toMillis();
                if (!Long.valueOf(changed).equals(known.put(file, changed))) deploy(file);
            } catch (Exception error) {
                // What escapes the manager, as a NullPointerException of its own does, is told here with the path.
                Log.error(DEPLOYER, "Error while deploying carbon application " + file, error);
            }
        }
    }

    private void remove(Path file) {
        known.remove(file);
        if (deployed.containsKey(file)) undeploy(file);
        else Log.info(DEPLOYER, "Undeploying Faulty Carbon Application On : " + file);
    }

    private void undeploy(Path file) {
        String name = deployed.get(file).nameWithVersion();
        Log.info(MANAGER, "Undeploying Carbon Application : " + name + "...");
        deployed.remove(file);
        Log.info(MANAGER, "Successfully Undeployed Carbon Application : " + name + " {super-tenant}");
    }

    private void deploy(Path file) {
        String name = file.getFileName().toString();
        if (deployed.containsKey(file)) {
            Log.warn(MANAGER, "Carbon Application : " + name + " has been updated. Removing the existing application and redeploying...");
            undeploy(file);
        }
        Log.info(MANAGER, "Deploying Carbon Application : " + name + "...");
        Car car = null;
        try {
            car = Car.read(file.toFile(), roles);
            if (car.dependencies().isEmpty()) {
                Log.warn(MANAGER, "No artifacts found to be deployed in this server. Ignoring Carbon Application : " + name);
                return;
            }
            for (Car other : deployed.values()) {
                if (!other.nameWithVersion().equals(car.nameWithVersion())) continue;
                String text = "Carbon Application : " + car.nameWithVersion() + " already exists. Two applications can't have the same Id. Deployment aborted.";
                Log.error(MANAGER, text, null);
                throw new Car.Fault(text, null);
            }
            if (!car.resolve()) {
                Log.error(MANAGER, "Some dependencies in cApp : " + car.nameWithVersion() + " were not satisfied. Check whether all "
                    + "dependent artifacts are included in cApp file : " + file, null);
                return;
            }
            car.deploy();
            deployed.put(file, car);
            Log.info(MANAGER, "Successfully Deployed Carbon Application : " + car.nameWithVersion() + " {super-tenant}");
        } catch (Car.Fault fault) {
            Log.trace(MANAGER, "Error occurred while deploying Carbon Application", fault);
            // The manager asks the application for its name here, which it has not got before artifacts.xml was read.
            if (car == null) throw new NullPointerException();
            Log.info(MANAGER, "Reverting successfully deployed artifcats in this CApp : " + car.nameWithVersion());
        } finally {
            if (car != null) car.close();
        }
    }
}
