// SPDX-License-Identifier: Apache-2.0
#include "evolve_xdmf.h"

#include <fmt/format.h>

#include <bit>
#include <vector>

#include "lior/io/atomic_file.h"

namespace lior::app {
namespace {

static_assert(std::endian::native == std::endian::little, "files say so");

/// The opening of a data item whose bytes stand in a file beside the description.
std::string binary_item(std::int64_t seek, const std::string& dimensions, const char* file) {
  return fmt::format(
      R"(<DataItem Format="Binary" Seek="{}" Endian="Little" NumberType="Float" Precision="8" Dimensions="{}">{}</DataItem>)",
      seek, dimensions, file);
}

/// The cells of the grid's axes: "64 64", or "32 32 16".
std::string size_of(const field::Grid& grid) {
  const std::string plane = fmt::format("{} {}", grid.nx, grid.ny);
  return grid.axis_count() == 3 ? fmt::format("{} {}", plane, grid.nz) : plane;
}

/// One part of one entry, picked out of a frame's numbers: start, stride and count of each axis.
std::string attribute(const field::Grid& grid, const StoredFrame& frame, Index i, Index j,
                      Index part) {
  const std::string size = size_of(grid), whole = fmt::format("{} {} {} 2", size, grid.d, grid.d);
  std::string zeros, ones;
  for (int axis = 0; axis < grid.axis_count(); ++axis) zeros += "0 ", ones += "1 ";
  return fmt::format(
      R"(        <Attribute Name="T_{0}{1} {2}" AttributeType="Scalar" Center="Node">
          <DataItem ItemType="HyperSlab" Type="HyperSlab" NumberType="Float" Precision="8" Dimensions="{3}">
            <DataItem Format="XML" NumberType="Int" Dimensions="3 {6}">{7}{0} {1} {4} {8}1 1 1 {3} 1 1 1</DataItem>
            {5}
          </DataItem>
        </Attribute>
)",
      i, j, part == 0 ? "real" : "imaginary", size, part,
      binary_item(frame.offset, whole, "field.h5"), grid.axis_count() + 3, zeros, ones);
}

std::string frame_grid(const field::Grid& grid, std::size_t number, const StoredFrame& frame) {
  const std::string size = size_of(grid);
  std::string text = fmt::format(
      R"(      <Grid Name="frame {}" GridType="Uniform">
        <Time Value="{}"/>
        <Topology TopologyType="{}DSMesh" Dimensions="{}"/>
        <Geometry GeometryType="XYZ">{}</Geometry>
)",
      number, frame.time, grid.axis_count(), size, binary_item(0, size + " 3", "field.points"));
  for (Index entry = 0; entry < grid.d * grid.d; ++entry) {
    for (const Index part : {0, 1}) {
      text += attribute(grid, frame, entry / grid.d, entry % grid.d, part);
    }
  }
  return text + "      </Grid>\n";
}

}  // namespace

void write_xdmf(const std::string& folder, const field::Grid& grid,
                std::span<const StoredFrame> frames) {
  std::vector<double> points;
  points.reserve(static_cast<std::size_t>(3 * grid.cells()));
  for (Index i = 0; i < grid.nx; ++i) {
    for (Index j = 0; j < grid.ny; ++j) {
      for (Index k = 0; k < grid.nz; ++k) {
        points.insert(points.end(), {grid.x(i), grid.y(j), grid.z(k)});
      }
    }
  }
  io::AtomicFile places(folder + "/field.points");
  places.write(std::as_bytes(std::span(points)));
  places.commit();
  std::string text =
      "<?xml version=\"1.0\"?>\n<Xdmf Version=\"3.0\">\n  <Domain>\n"
      "    <Grid Name=\"T\" GridType=\"Collection\" CollectionType=\"Temporal\">\n";
  for (std::size_t k = 0; k < frames.size(); ++k) text += frame_grid(grid, k, frames[k]);
  text += "    </Grid>\n  </Domain>\n</Xdmf>\n";
  io::write_file_atomically(folder + "/field.xdmf", text);
}

}  // namespace lior::app
